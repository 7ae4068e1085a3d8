"""All of HTTP: routes, gate, identity, problem documents; with `main` the only home of FastAPI."""
