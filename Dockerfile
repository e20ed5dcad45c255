# One image for every role: docker-compose.yml names the role in the command.
FROM python:3.12-slim
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY app app
RUN pip install --no-cache-dir . && useradd --create-home --uid 1000 trimtab && install -d -o trimtab /data
USER trimtab
WORKDIR /home/trimtab
VOLUME /data
ENTRYPOINT ["trimtab"]
