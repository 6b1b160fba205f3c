# What candidates run in on the tier `docker`: Python and the tool chains of the other languages, nothing of ours.
#
#   docker build -t rlvr-sandbox -f deploy/docker/sandbox.Dockerfile deploy/docker
#
# Any image with Python 3.10 or later does; leave out the languages you do not need. The tests, which have no registry to
# pull from, run an image made of their own interpreter instead (tests/engines.py), so this file is not built by them.
FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc g++ libc6-dev nodejs default-jdk-headless golang-go rustc bash \
    && rm -rf /var/lib/apt/lists/*
