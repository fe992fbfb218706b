# One image for worker, gateway, simulator and the one-shot jobs; which one it is, the command says.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app
WORKDIR /app

COPY requirements.txt deploy/requirements-entsoe.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt -r requirements-entsoe.txt

COPY activities ./activities
COPY domain ./domain
COPY gateway ./gateway
COPY demo ./demo
COPY nights ./nights
COPY ops ./ops
COPY planner ./planner
COPY providers ./providers
COPY simulator ./simulator
COPY storage ./storage
COPY workflows ./workflows
COPY deploy ./deploy
COPY cli.py client.py settings.py worker.py ./

# Compiled once here: a started process may not write beside its code.
RUN python -m compileall -q . \
    && useradd --system --create-home --uid 10001 nightcharge \
    && mkdir /data \
    && chown nightcharge:nightcharge /data
USER nightcharge
VOLUME /data

ENTRYPOINT ["python", "-m", "cli"]
