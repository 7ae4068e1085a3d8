"""How much of a provider's answer is read: a server that never stops must not fill the memory."""

from collections.abc import AsyncIterator

import httpx2

from app.llm.protocol import InvalidAnswer, LLMFailed, Usage

BODY_BYTES_MAX = 4 * 2**20
"""Of one answer: the longest that is used, written in escapes, and as much thought around it."""


async def bound_body(response: httpx2.Response) -> None:
    """Has `response` end with a failure beyond BODY_BYTES_MAX; to be called before it is read.

    Raises LLMFailed at once for a body that says that it is longer, or that is compressed
    though nothing but plain text was asked for: a few kilobytes may unfold into gigabytes.
    """
    told = response.headers.get("content-length", "")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise _too_long(response)
    if told.isdecimal() and (len(told) > 18 or int(told) > BODY_BYTES_MAX):
        raise _too_long(response)
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Bounded(response.stream, response)


class _Bounded(httpx2.AsyncByteStream):
    """A stream up to the limit."""

    def __init__(self, stream: httpx2.AsyncByteStream, response: httpx2.Response) -> None:
        self._stream = stream
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        async for part in self._stream:
            read += len(part)
            if read > BODY_BYTES_MAX:
                raise _too_long(self._response)
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


def _too_long(response: httpx2.Response) -> LLMFailed:
    """Of an error the server is to blame; of an answer maybe the prompt, so it opens no circuit."""
    if response.status_code >= 400:
        return LLMFailed("provider_unavailable", is_outage=True)
    return InvalidAnswer(usage=Usage(), repair=None)
