"""The baseline of benchmarks.click: the same plane with Streamlit's own selection, whose click reruns the chart too."""

from __future__ import annotations

import streamlit as st
import torch

from ui.cache import runs
from ui.cache.runs import RunVersion
from ui.charts import markup, plane
from ui.state.view import View
from vae.model.inference import decode_points
from vae.runs.folder import RunFolder, runs_folder

st.set_page_config(layout="wide")
version = RunVersion.now(RunFolder(runs_folder() / st.query_params["run"]))
run, frame = runs.load_run(version), runs.snapshot_of(version)
axes = plane.Axes(runs.plane(version, View.axes).names, runs.extent(version, View.axes))
figure = plane.scatter(runs.places(version, View.axes), frame.labels, run.class_names, axes)
figure.update_layout(hovermode="closest").update_traces(hoverinfo="none")  # without them Plotly hears of no click
with st.container(key="plane"):
    event = st.plotly_chart(figure, key="chart", on_select="rerun", height=700)
points = event.selection.points
z = torch.tensor([[points[0]["x"], points[0]["y"]] if points else [0.0, 0.0]])
st.html(f'<div class="pinned-image">{markup.figure(decode_points(run.model, z)[0, 0].numpy(), "decoded", "decoded")}</div>')
