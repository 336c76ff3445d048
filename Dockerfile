# One image for every Ratewire process. The command selects it: gateway, producer, consumer binance, migrate, …
# The locked dependencies come first, so that a change of the source rebuilds two small layers and downloads nothing.

FROM python:3.13-slim AS build
RUN python -m venv --without-pip /opt/venv
COPY requirements.lock /build/
# The lock file is complete and hashed: pip resolves nothing, compiles nothing and verifies every package.
RUN pip --python /opt/venv/bin/python --disable-pip-version-check install --no-cache-dir \
        --no-deps --require-hashes --only-binary :all: -r /build/requirements.lock
# The source tree is copied to /app. A path file and a launcher install it without a build backend, which the lock file
# does not include.
RUN echo /app > "$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ratewire.pth" \
    && printf '%s\n' '#!/opt/venv/bin/python' 'from ratewire.cli import main' 'main()' > /opt/venv/bin/ratewire \
    && chmod 755 /opt/venv/bin/ratewire
COPY . /app
# The sources never change inside an image, so Python need not compare the bytecode with them.
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
