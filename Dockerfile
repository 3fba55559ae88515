# The filter, alone or behind a proxy: one bundled file on a plain Node image.
FROM node:22-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run --silent bundle

FROM node:22-bookworm-slim
ENV NODE_ENV=production
COPY --from=build /src/dist/filter.cjs /app/filter.cjs
# Nothing is written below the root: the copy of the keys goes where KEYS_CACHE_DIR says.
USER 10001:10001
EXPOSE 9000 9001 9002
ENTRYPOINT ["node", "/app/filter.cjs"]
CMD ["/plan/plan.json"]
