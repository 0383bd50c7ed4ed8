"""The Compare page: two to four runs side by side, their planes on one scale, their curves and figures together."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ui import beside, columns, contrast, figures, frame, overlay, planes, resources, state, table
from ui.columns import Column
from ui.live_chart import bring_plotly, live_chart
from ui.text import plain
from ui.view import MOST_RUNS, PICTURES
from vae.errors import ExplorerError
from vae.run import RunFolder, list_runs

SECONDS_BETWEEN_LOOKS = 2.0
PICTURE_NAMES = {"both": "Both", "codes": "Codes", "manifold": "Manifold"}


def main() -> None:
    if frame.begin("Compare", picks_run=False) is None:
        frame.no_runs()
        return
    everything = list_runs()
    chosen, missing = columns.settle(everything)
    if missing:
        st.warning(missing)
    elif state.problem():
        st.warning(state.problem())
    say(everything, chosen)
    active = any(resources.is_active(folder) for folder in chosen)
    every = SECONDS_BETWEEN_LOOKS if active else None
    bring_plotly()
    st.fragment(side_by_side, run_every=every)(chosen, active)
    st.fragment(below, run_every=every)(chosen)
    resources.settle_memory("compare", "")
    state.write_address()


def say(everything: Sequence[RunFolder], chosen: Sequence[RunFolder]) -> None:
    """What tells the runs apart, which ones they are, and how they are shown."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="say"):
        st.html(f'<p class="lead">{contrast.lead(_configs(chosen), any(map(_was_steered, chosen)))}</p>', width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content", key="controls"):
            st.session_state["compared"] = [folder.name for folder in chosen]
            st.multiselect(
                "Runs", [folder.name for folder in everything], key="compared", max_selections=MOST_RUNS, on_change=_take_runs,
                label_visibility="collapsed", placeholder="Two to four runs", select_all=False, width=430,
            )  # fmt: skip
            st.session_state["picture"] = state.view().picture
            st.segmented_control(
                "Picture", list(PICTURES), format_func=PICTURE_NAMES.get, key="picture", on_change=_take_picture,
                label_visibility="collapsed", required=True,
            )  # fmt: skip
            st.session_state["one_scale"] = not state.view().own_scales
            st.toggle(
                "One scale", key="one_scale", on_change=_take_scale,
                help="All planes show the same square of z; off: each shows its own codes as large as they get",
            )  # fmt: skip


def _configs(chosen: Sequence[RunFolder]) -> list:
    """Of the runs that can be read."""
    configs = []
    for folder in chosen:
        try:
            configs.append(folder.read_config()[0])
        except ExplorerError:
            continue
    return configs


def _was_steered(folder: RunFolder) -> bool:
    try:
        return any(report.steered for report in beside.metrics(folder))
    except ExplorerError:
        return False  # the run's column says so


def _take_runs() -> None:
    state.change(runs=tuple(st.session_state["compared"]))


def _take_picture() -> None:
    state.change(picture=st.session_state["picture"])


def _take_scale() -> None:
    state.change(own_scales=not st.session_state["one_scale"])


def side_by_side(chosen: Sequence[RunFolder], active: bool) -> None:
    """The picture that rules the page; it is drawn anew while a run is trained."""
    if active and not any(resources.is_active(folder) for folder in chosen):
        st.rerun()  # the whole page, once: it looks no more
    runs = [columns.column_of(folder) for folder in chosen]
    view = state.view()
    rows = len(planes.rows_of(view.picture))
    st.html(contrast.headings(runs, planes.shape(len(runs), rows)))
    figure = planes.planes(panels(runs, view.own_scales), view.picture, not view.own_scales)
    with st.container(key=f"planes_{len(runs)}x{rows}", height="stretch"):
        key = "_".join(["side_by_side", *(run.name for run in runs), view.picture, "own" if view.own_scales else "one"])
        live_chart(figure, key=key, config=figures.CONFIG, alt="The planes of the runs")
    st.html(contrast.legend(runs))


def panels(runs: Sequence[Column], own_scales: bool) -> list[planes.Panel]:
    """What is drawn of each run: one square of z for all, or its own."""
    shared = planes.around([run.known.window for run in runs if run.known])
    return [_panel(run, run.known.window if own_scales and run.known else shared) for run in runs]


def _panel(run: Column, window: planes.Window) -> planes.Panel:
    known = run.known
    if known is None:
        return planes.Panel(("", ""), window, sentence=run.problem)
    axes = columns.axes_of(known.config, known.places is not None)
    manifold = resources.manifold(known.version, axes, window.middle, window.half, planes.CELLS)
    return planes.Panel(
        known.plane.names, window, known.class_names, known.places, known.labels, known.origin, known.plane.is_strip,
        manifold, run.problem,
    )  # fmt: skip


def below(chosen: Sequence[RunFolder]) -> None:
    """The curves, the table, and what must not be compared."""
    runs = [columns.column_of(folder) for folder in chosen]
    for sentence in contrast.warnings(runs):
        st.info(sentence)
    st.subheader("Held-out terms over the epochs, in nats per image")
    curves = [
        overlay.Curve(run.name, [report for report in run.known.reports if report.split == "held_out"], place)
        for place, run in enumerate(runs)
        if run.known
    ]
    live_chart(
        overlay.overlay(curves), key="_".join(["overlay", *(run.name for run in runs)]), config=figures.CURVES_CONFIG,
        alt="ELBO, reconstruction term and KL term of the runs over the epochs", height=380,
    )  # fmt: skip
    st.subheader("Settings that differ, and figures")
    numbers, how = st.columns([1, 0.6], gap="large")
    numbers.html(table.as_html(runs))
    how.caption(table.HOW)
    take_home(runs)


def take_home(runs: Sequence[Column]) -> None:
    """The table as a file, and a way to each run alone."""
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "Table (CSV)", lambda: table.as_csv(runs), "comparison.csv", "text/csv", key="get_table", on_click="ignore"
        )
        for run in runs:
            if st.button(f"Explore {plain(run.name)}", key=f"explore_{run.name}", disabled=run.known is None):
                state.choose_run(run.name)
                st.switch_page("app.py")


main()
