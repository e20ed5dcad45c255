# One image for every role: docker-compose.yml names the role in the command.
# Trainers learn faster with 3.13 than with any Python before it: docs/performance.md.
FROM python:3.13-slim
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY app app
RUN pip install --no-cache-dir . && useradd --create-home --uid 1000 trimtab && install -d -o trimtab /data
USER trimtab
WORKDIR /home/trimtab
VOLUME /data
ENTRYPOINT ["trimtab"]
