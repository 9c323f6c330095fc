# One file, two images. `web` also runs the dispatcher and the task worker, by another command:
#     docker build --target web    -t viseme-web .
#     docker build --target worker -t viseme-worker .
# An NVIDIA driver comes from the node; PyPI's torch brings CUDA. No weights are inside but the demo
# bundle's: a real checkpoint is fetched by the operator and named with MODEL_BUNDLE.

# What both images hold of ours. A stage of its own, so that a change of it installs nothing anew.
FROM scratch AS platform
WORKDIR /app
COPY manage.py ./
COPY messaging/ messaging/
COPY tenants/ tenants/
COPY billing/ billing/
COPY jobs/ jobs/
COPY portal/ portal/

FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app \
    PATH=/opt/viseme/bin:$PATH \
    VISEME_MODE=production VISEME_HOME=/var/lib/viseme STATIC_ROOT=/srv/static \
    DJANGO_SETTINGS_MODULE=portal.settings
# A number, so that Kubernetes can prove that it is not root.
RUN groupadd --gid 10001 viseme \
    && useradd --uid 10001 --gid viseme --no-create-home --shell /usr/sbin/nologin viseme \
    && install -d -o viseme -g viseme /var/lib/viseme /srv/static \
    && python -m venv /opt/viseme
WORKDIR /app
COPY requirements/ requirements/

FROM base AS web
RUN pip install --no-cache-dir -r requirements/web.txt -c requirements/constraints.txt
COPY --from=platform /app ./
# The engine's side without torch: options, errors and the media process that probes.
COPY inference/__init__.py inference/options.py inference/speakers.py inference/errors.py inference/
COPY inference/media/ inference/media/
# Static files are the same everywhere; nothing secret is needed to gather them.
RUN VISEME_MODE=embedded STATICFILES=manifest python manage.py collectstatic --noinput
USER 10001
EXPOSE 8000 9090
ENV BIND_ADDRESS=0.0.0.0 WEB_WORKERS=2 PROMETHEUS_MULTIPROC_DIR=/dev/shm/viseme-metrics
CMD ["gunicorn", "portal.wsgi", "--config", "portal/gunicorn.py"]

FROM base AS worker
# A C compiler: torch compiles the network's passes for the GPU that it finds.
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir -r requirements/worker.txt -c requirements/constraints.txt \
    && pip install --no-cache-dir --no-deps -r requirements/no-deps.txt
COPY --from=platform /app ./
COPY inference/ inference/
USER 10001
EXPOSE 9090
CMD ["dramatiq", "portal.worker", "--processes", "1", "--threads", "1", "--queues", "lipsync"]
