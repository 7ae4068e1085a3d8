"""What the routes of one API process share."""

import asyncio
from dataclasses import dataclass, field

from fastapi import Request
from redis.asyncio import Redis

from app.api.sessions import Sessions
from app.api.stream_places import StreamPlaces
from app.chats.key_storage import KeyEraser
from app.chats.upload import Announce, Uploads
from app.crypto import KeyRing
from app.export.slots import ExportSlots
from app.jobs.notifications import Notifications
from app.llm.rejections import Rejections
from app.progress.snapshots import QueuePositions
from app.progress.subscriptions import SnapshotFeed
from app.settings import Settings
from app.unlocks.batch import UnlockBatcher
from app.unlocks.unlock import Wake
from app.users.deleted import DeletedUsers
from app.users.oidc import ProviderSignIn


@dataclass(slots=True)
class ApiState:
    """Made once, when the API starts. When it ends, `leaving` is set first: it is not ready."""

    settings: Settings
    leaving: asyncio.Event
    stopping: asyncio.Event
    wake: Wake
    announce: Announce
    redis: Redis
    unlocks: UnlockBatcher
    keyring: KeyRing
    positions: QueuePositions
    feed: SnapshotFeed
    stream_places: StreamPlaces
    sessions: Sessions
    notifications: Notifications
    uploads: Uploads
    rejections: Rejections
    deleted: DeletedUsers
    provider: ProviderSignIn | None
    eraser: KeyEraser = field(default_factory=KeyEraser)
    exports: ExportSlots = field(default_factory=ExportSlots)


def api_state(request: Request) -> ApiState:
    """The state of the API that answers `request`."""
    state: ApiState = request.app.state.api
    return state
