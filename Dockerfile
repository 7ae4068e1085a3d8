# One image for the API, the workers, the scheduler and `sixfold migrate`.
# The base comes from the builder's default registry; name another with --build-arg PYTHON_IMAGE=…
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_INPUT=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /app
# The environment has no pip of its own: the base's installs into it, and stays behind.
RUN python -m venv --without-pip /venv
COPY requirements-image.lock ./
RUN python -m pip --python /venv/bin/python install \
    --require-hashes --no-deps --only-binary :all: -r requirements-image.lock
COPY pyproject.toml README.md LICENSE alembic.ini ./
COPY app app
COPY workers workers
COPY migrations migrations
COPY ops/healthy.py ops/
# Editable: the commands find alembic.ini and migrations/ beside app/. Compiled now, because the
# running container can write nowhere.
RUN python -m pip --python /venv/bin/python install \
        --no-deps --no-build-isolation --no-index -e . \
    && /venv/bin/python -m compileall -q /venv/lib /app

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 sixfold \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin sixfold
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONFAULTHANDLER=1
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s --retries=3 \
    CMD ["python", "ops/healthy.py", "api", "8000"]
CMD ["sixfold", "serve", "--host", "0.0.0.0", "--port", "8000"]
