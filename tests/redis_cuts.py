"""Cuts connections to Redis, and none of those that other test processes have to the server."""

from redis.asyncio import Redis


async def cut_connections(redis: Redis, *, kind: str) -> None:
    """Those of `kind` ("normal" or "pubsub") to the database of `redis`, its own aside."""
    database, own = redis.connection_pool.connection_kwargs["db"], await redis.client_id()
    for client in await redis.client_list(_type=kind):
        if int(client["db"]) == database and int(client["id"]) != own:
            await redis.client_kill_filter(_id=client["id"])
