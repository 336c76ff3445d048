# One image for every Ratewire process; the command names which: gateway, producer, consumer binance, migrate, …
# The locked dependencies come first, so that a change of source rebuilds two small layers and downloads nothing.

FROM python:3.13-slim AS build
RUN python -m venv --without-pip /opt/venv
COPY requirements.lock /build/
# The lock is complete and hashed: nothing is resolved, compiled or taken unverified.
RUN pip --python /opt/venv/bin/python --disable-pip-version-check install --no-cache-dir \
        --no-deps --require-hashes --only-binary :all: -r /build/requirements.lock
# The source tree stays whole under /app, because the migrations are found beside the packages. A path file and a
# launcher install it without a build backend, which the lock does not hold.
RUN echo /app > "$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ratewire.pth" \
    && printf '%s\n' '#!/opt/venv/bin/python' 'from ratewire.cli import main' 'main()' > /opt/venv/bin/ratewire \
    && chmod 755 /opt/venv/bin/ratewire
COPY . /app
# The sources never change inside an image, so the bytecode need not look at them again.
RUN /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /app

FROM python:3.13-slim
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin ratewire
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["ratewire"]
CMD ["--help"]
