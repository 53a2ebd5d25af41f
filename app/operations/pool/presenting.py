"""The pool's state in the words and shapes of a page."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from app.inference.models import WorkerState
from app.inference.watching.figures import Figures
from app.operations.pool.plots import LinePlot, Spark, line_plot, spark, stretches
from app.operations.pool.state import Group, PoolState, Server
from app.web.saying import said, written

TONES = {
    WorkerState.HEALTHY: (gettext_noop("Healthy"), "check", "good"),
    WorkerState.SICK: (gettext_noop("Sick"), "warning", "bad"),
    WorkerState.DRAINING: (gettext_noop("Draining"), "clock", "waiting"),
    WorkerState.OFF: (gettext_noop("Off"), "pause", ""),
}
UNKNOWN = "–"


@dataclass(frozen=True)
class Row:
    """One server as a row of the overview."""

    server: Server
    state: str
    icon: str
    tone: str
    reason: str
    running: str
    waiting: str
    cache: str
    prefix: str
    first_token: str
    failed: str
    tokens: str
    tokens_spark: Spark | None
    running_spark: Spark | None


@dataclass(frozen=True)
class Section:
    group: Group
    rows: list[Row]


@dataclass(frozen=True)
class Page:
    """``mark`` changes when models come or go, so that a page knows that it must be drawn anew."""

    sections: list[Section]
    totals: list[tuple[str, str]]
    mark: str
    are_figures_known: bool


def page_of(state: PoolState) -> Page:
    now = time.time()
    sections = [Section(group, [row_of(server, now) for server in group.servers]) for group in state.groups]
    names = " ".join(str(group.model.id) + ("+" if group.servers else "-") for group in state.groups)
    return Page(sections, _totals(state), blake2b(names.encode(), digest_size=6).hexdigest(), state.are_figures_known)


def row_of(server: Server, now: float) -> Row:
    worker, figures = server.worker, server.figures
    label, icon, tone = TONES[WorkerState(worker.state)]
    reason = said(worker.state_reason or server.warning)
    if server.closed_seconds and worker.state == WorkerState.HEALTHY:
        label, icon, tone = gettext_noop("Resting"), "clock", "waiting"
        reason = _("Its answers failed. It is tried again in %(seconds)s s.") % {
            "seconds": max(1, round(server.closed_seconds))
        }
    running = server.running
    rate = figures.tokens_out_rate if figures else None
    parts = stretches(server.samples, now) if figures else []
    return Row(
        server=server,
        state=_(label),
        icon=icon,
        tone=tone,
        reason=reason,
        running=_("%(running)s of %(capacity)s")
        % {"running": UNKNOWN if running is None else running, "capacity": worker.capacity},
        waiting=count(figures.waiting if figures else None),
        cache=share(figures.cache_used if figures else None),
        prefix=share(figures.prefix_share if figures else None),
        first_token=seconds(figures.first_token_seconds if figures else None),
        failed=count(figures.failed if figures and figures.ended else None),
        tokens=number(rate),
        tokens_spark=_spark(parts, "tokens_out_rate", _("Tokens written a second")),
        running_spark=_spark(parts, "running", _("Answers being written")),
    )


def _spark(parts: Sequence[Figures | None], name: str, title: str) -> Spark | None:
    values = [getattr(one, name) if one else None for one in parts]
    known = [value for value in values if value is not None]
    if not known:
        return None
    return spark(
        values,
        _("%(title)s, last half hour: %(last)s at last, at most %(most)s.")
        % {"title": title, "last": number(known[-1]), "most": number(max(known))},
    )


def plots_of(server: Server) -> list[LinePlot]:
    """Everything a server tells, as plots with axes; without those it tells nothing for."""
    samples, now = server.samples, time.time()

    def has(name: str) -> bool:
        return any(getattr(sample, name) is not None for sample in samples)

    plots = [
        line_plot(
            samples,
            lambda one: one.tokens_out_rate,
            title=_("Tokens written"),
            unit=_("a second"),
            now=now,
            show=number,
        ),
        line_plot(
            samples, lambda one: one.tokens_in_rate, title=_("Tokens read"), unit=_("a second"), now=now, show=number
        ),
    ]
    if has("running"):
        plots.append(
            line_plot(samples, lambda one: one.running, title=_("Answers written"), unit="", now=now, show=number)
        )
    if has("waiting"):
        plots.append(
            line_plot(samples, lambda one: one.waiting, title=_("Waiting there"), unit="", now=now, show=number)
        )
    if has("cache_used"):
        plots.append(
            line_plot(samples, lambda one: one.cache_used, title=_("Cache in use"), unit="", now=now, show=share)
        )
    if any(sample.prefix_asked for sample in samples):
        plots.append(
            line_plot(
                samples,
                lambda one: one.prefix_share,
                title=_("Prompt found in the cache"),
                unit="",
                now=now,
                show=share,
            )
        )
    if any(sample.first_token for sample in samples):
        plots.append(
            line_plot(
                samples,
                lambda one: one.first_token_seconds,
                title=_("First token, half of them within"),
                unit="",
                now=now,
                show=seconds,
            )
        )
    return plots


def _totals(state: PoolState) -> list[tuple[str, str]]:
    servers = state.servers
    healthy = sum(server.worker.state == WorkerState.HEALTHY for server in servers)
    told = [server.figures for server in servers if server.figures]
    running = sum(server.running or 0 for server in servers)
    waiting = sum(figures.waiting or 0 for figures in told) + sum(group.waiting or 0 for group in state.groups)
    rate = sum(figures.tokens_out_rate or 0 for figures in told)
    return [
        (_("Healthy servers"), _("%(running)s of %(capacity)s") % {"running": healthy, "capacity": len(servers)}),
        (_("Answers written now"), str(running)),
        (_("Waiting"), str(round(waiting))),
        (_("Tokens a second"), number(rate)),
    ]


# --- how figures are written -------------------------------------------------------------------------------------


def number(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return written(value, 0 if value >= 10 or f"{value:.1f}".endswith(".0") else 1)


def count(value: float | None) -> str:
    return UNKNOWN if value is None else written(value)


def share(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{number(100 * value)} %"


def seconds(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{1000 * value:.0f} ms" if value < 0.9995 else f"{number(value)} s"
