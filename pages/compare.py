"""The Compare page: two to four runs side by side, their planes, their curves and figures together."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ui.cache import memory, run_files, runs
from ui.charts import style
from ui.charts.curves import CURVES_CONFIG
from ui.compare import cache, compared_runs, curve_overlay, headings, metrics_table, plane_panels
from ui.compare.compared_runs import ComparedRun
from ui.components.live_chart.live_chart import bring_plotly, live_chart
from ui.shell import page_frame
from ui.shell.waiting import waiting
from ui.state import session
from ui.state.view import MOST_RUNS, PICTURES
from ui.text import plain
from vae.errors import ExplorerError
from vae.runs.folder import RunFolder, list_runs
from vae.training.progress import LENGTHENED

SECONDS_BETWEEN_LOOKS = 2.0
PICTURE_NAMES = {"both": "Both", "codes": "Codes", "manifold": "Manifold"}


def main() -> None:
    if page_frame.begin("Compare", picks_run=False) is None:
        page_frame.no_runs()
        return
    everything = list_runs()
    chosen, missing = compared_runs.settle(everything)
    if missing:
        st.warning(missing)
    elif session.problem():
        st.warning(session.problem())
    say(everything, chosen)
    active = any(runs.is_active(folder) for folder in chosen)
    every = SECONDS_BETWEEN_LOOKS if active else None
    bring_plotly()
    st.fragment(side_by_side, run_every=every)(chosen, active)
    st.fragment(below, run_every=every)(chosen)
    memory.settle_memory("compare", "")
    session.write_address()


def say(everything: Sequence[RunFolder], chosen: Sequence[RunFolder]) -> None:
    """What tells the runs apart, which ones they are, and how they are shown."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="say"):
        st.html(f'<p class="lead">{headings.lead(_configs(chosen), any(map(_was_steered, chosen)))}</p>', width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content", key="controls"):
            st.session_state["compared"] = [folder.name for folder in chosen]
            st.multiselect(
                "Runs", [folder.name for folder in everything], key="compared", max_selections=MOST_RUNS, on_change=_take_runs,
                label_visibility="collapsed", placeholder="Two to four runs", select_all=False, width=430,
            )  # fmt: skip
            st.session_state["picture"] = session.view().picture
            st.segmented_control(
                "Picture", list(PICTURES), format_func=PICTURE_NAMES.get, key="picture", on_change=_take_picture,
                label_visibility="collapsed", required=True,
            )  # fmt: skip
            st.session_state["one_scale"] = session.view().one_scale
            st.toggle(
                "One scale", key="one_scale", on_change=_take_scale,
                help="All planes show the same square of z; off: each shows its own codes as large as they get",
            )  # fmt: skip
            st.session_state["aligned"] = session.view().aligned
            st.toggle(
                "Aligned", key="aligned", on_change=_take_alignment,
                help="Each plane is rotated, and reflected where that helps, until the codes of the same held-out images lie "
                "as near as they can to those of the first run (orthogonal Procrustes); distances stay as they are",
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
        changes = [report.steered for report in run_files.metrics(folder) if report.steered]
    except ExplorerError:
        return False  # the run's column says so
    return not all(words.startswith(LENGTHENED) for words in changes)


def _take_runs() -> None:
    session.change(runs=tuple(st.session_state["compared"]))


def _take_picture() -> None:
    session.change(picture=st.session_state["picture"])


def _take_scale() -> None:
    session.change(one_scale=st.session_state["one_scale"])


def _take_alignment() -> None:
    session.change(aligned=st.session_state["aligned"])


def side_by_side(chosen: Sequence[RunFolder], active: bool) -> None:
    """The picture that rules the page; it is drawn anew while a run is trained."""
    if active and not any(runs.is_active(folder) for folder in chosen):
        st.rerun()  # the whole page, once: it looks no more
    view = session.view()
    columns = [compared_runs.compared_run(folder) for folder in chosen]
    columns = compared_runs.aligned(columns) if view.aligned else columns
    rows = len(plane_panels.rows_of(view.picture))
    st.html(headings.headings(columns, plane_panels.shape(len(columns), rows)))
    with waiting("Decoding the planes ...", "planes"):
        drawn = panels(columns, view.one_scale)
    figure = plane_panels.planes(drawn, view.picture, view.one_scale)
    with st.container(key=f"planes_{len(columns)}x{rows}", height="stretch"):
        key = "_".join(
            [
                "side_by_side",
                *(run.name for run in columns),
                view.picture,
                "one" if view.one_scale else "own",
                *["aligned"] * view.aligned,
            ]
        )
        live_chart(figure, key=key, config=style.CONFIG, alt="The planes of the runs")
    st.html(headings.legend(columns))


def panels(columns: Sequence[ComparedRun], one_scale: bool) -> list[plane_panels.Panel]:
    """What is drawn of each run: one square of z for all, or its own."""
    shared = plane_panels.around([run.loaded.window for run in columns if run.loaded])
    return [_panel(run, shared if one_scale or not run.loaded else run.loaded.window) for run in columns]


def _panel(run: ComparedRun, window: plane_panels.Window) -> plane_panels.Panel:
    loaded = run.loaded
    if loaded is None:
        return plane_panels.Panel(("", ""), window, sentence=run.problem)
    axes = compared_runs.axes_of(loaded.config, loaded.places is not None)
    manifold = cache.manifold(loaded.version, axes, loaded.turn, window.middle, window.half, plane_panels.CELLS)
    return plane_panels.Panel(
        loaded.plane.names, window, loaded.class_names, loaded.places, loaded.labels, loaded.origin, loaded.plane.is_strip,
        manifold, run.problem,
    )  # fmt: skip


def below(chosen: Sequence[RunFolder]) -> None:
    """The curves, the table, and what must not be compared."""
    columns = [compared_runs.compared_run(folder) for folder in chosen]
    for sentence in headings.warnings(columns):
        st.info(sentence)
    if session.view().aligned and (names := compared_runs.not_aligned(columns)):
        st.info(f"Not aligned: {plain(', '.join(names))}. Only planes with codes of the same held-out images can be.")
    st.subheader("Held-out terms over the epochs, in nats per image")
    curves = [
        curve_overlay.Curve(run.name, [report for report in run.loaded.reports if report.split == "held_out"], place)
        for place, run in enumerate(columns)
        if run.loaded
    ]
    live_chart(
        curve_overlay.overlay(curves), key="_".join(["overlay", *(run.name for run in columns)]), config=CURVES_CONFIG,
        alt="ELBO, reconstruction term and KL term of the runs over the epochs", height=380,
    )  # fmt: skip
    st.subheader("Settings that differ, and figures")
    numbers, how = st.columns([1, 0.6], gap="large")
    numbers.html(metrics_table.as_html(columns))
    how.caption(metrics_table.HOW)
    take_home(columns)


def take_home(columns: Sequence[ComparedRun]) -> None:
    """The table as a file, and a way to each run alone."""
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "Table (CSV)",
            lambda: metrics_table.as_csv(columns),
            "comparison.csv",
            "text/csv",
            key="get_table",
            on_click="ignore",
        )
        for run in columns:
            if st.button(f"Explore {plain(run.name)}", key=f"explore_{run.name}", disabled=run.loaded is None):
                session.choose_run(run.name)
                st.switch_page("app.py")


main()
