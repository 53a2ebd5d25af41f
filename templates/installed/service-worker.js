{% load static %}/* Shows a page of its own when Parley cannot be reached. Nothing else is kept: every page comes from the server. */
const KEPT = "parley-offline";
const PAGE = "{% url "offline" %}";
const PARTS = [
  "{% static "icons/favicon.svg" %}",
  "{% static "js/theme.js" %}",
  "{% static "css/tokens.css" %}",
  "{% static "css/base.css" %}",
  "{% static "css/components.css" %}",
].map((path) => `${path}?offline`);

async function keep() {
  const kept = await caches.open(KEPT);
  await kept.addAll([PAGE, ...PARTS].map((path) => new Request(path, { credentials: "omit", cache: "reload" })));
  await self.skipWaiting();
}

async function begin() {
  await self.registration.navigationPreload?.enable();
  await self.clients.claim();
}

async function visit(event) {
  try {
    return (await event.preloadResponse) ?? (await fetch(event.request));
  } catch {
    return (await caches.match(PAGE)) ?? Response.error();
  }
}

const part = async (request) => (await caches.match(request)) ?? fetch(request);

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(begin()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(visit(event));
  else if (request.url.endsWith("?offline")) event.respondWith(part(request));
});
