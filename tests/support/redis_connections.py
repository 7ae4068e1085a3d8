"""This test process's connections to Redis, apart from those that others have to the server."""

from redis.asyncio import Redis


async def connections(redis: Redis, *, kind: str) -> list[dict[str, str]]:
    """Those of `kind` ("normal" or "pubsub") to the database of `redis`, its own aside."""
    database, own = redis.connection_pool.connection_kwargs["db"], await redis.client_id()
    return [
        client
        for client in await redis.client_list(_type=kind)
        if int(client["db"]) == database and int(client["id"]) != own
    ]


async def cut_connections(redis: Redis, *, kind: str) -> None:
    """Cuts those connections."""
    for client in await connections(redis, kind=kind):
        await redis.client_kill_filter(_id=client["id"])
