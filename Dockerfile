# One image for every stage; compose and Kubernetes choose the command. It has neither Java nor Valkey, because
# Kafka and Redis run beside it. The first step has the build tools, and the second one only their result.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements-stage.txt requirements.txt ./
RUN python -m venv /opt/santral \
    && /opt/santral/bin/pip install --no-cache-dir --require-hashes -r requirements-stage.txt
COPY . .
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements.txt \
    && PATH="/opt/build/bin:$PATH" /opt/build/bin/pip wheel --no-deps --no-build-isolation -w /wheel . \
    && /opt/santral/bin/pip install --no-cache-dir --no-deps /wheel/*.whl

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/santral --create-home santral
COPY --from=build /opt/santral /opt/santral
ENV PATH="/opt/santral/bin:$PATH" SANTRAL_HOME=/var/lib/santral PYTHONUNBUFFERED=1 \
    SANTRAL_OPS__HOST=0.0.0.0 SANTRAL_OPS__PORT=9100
USER 10001
WORKDIR /var/lib/santral
VOLUME /var/lib/santral
STOPSIGNAL SIGTERM
ENTRYPOINT ["santral"]
CMD ["--help"]
