"""One visitor of the app: what a browser's tab says over Streamlit's websocket, and what it is answered."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlsplit

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

OPTIONS = {"subprotocols": ["streamlit"], "max_size": None, "compression": None, "ping_interval": None}
PATIENCE = 300.0
"""Seconds after which an answer counts as none."""


@dataclass(frozen=True)
class Widget:
    """What stands on the page: its id, the fragment that it reruns, and what Streamlit sent of it."""

    id: str
    fragment: str
    proto: object


class Visitor:
    """A tab that shows `address`, which may have a query; it is there in an `async with`.

    `widgets` are those of its `page` by their keys; `told` is what was said in place of something that failed. All that asks
    for something returns the seconds until the answer is complete, and raises `TimeoutError` where none comes.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._server, self._query, self._script = parts.netloc, parts.query, ""
        self.widgets: dict[str, Widget] = {}
        self.links: dict[str, object] = {}
        self.page, self.told = "", []
        self._states: dict[str, WidgetState] = {}

    async def __aenter__(self) -> Visitor:
        address = f"ws://{self._server}/_stcore/stream"
        self._socket = await websockets.connect(address, **OPTIONS)
        return self

    async def __aexit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._socket.close()

    async def open(self) -> float:
        """Load the address."""
        return await self._ask("")

    async def go(self, page: str) -> float:
        """Follow the link to the page of this name."""
        link = self.links[page]
        self._query, self._script = link.query_string, link.page_script_hash
        self.widgets.clear()
        self._states.clear()
        return await self._ask("")

    async def set(self, key: str, **value: object) -> float:
        """Give the widget with this key a value, called as in `WidgetState`."""
        widget = self.widgets[key]
        state = WidgetState(id=widget.id, **value)
        if not state.trigger_value:
            self._states[key] = state
        return await self._ask(widget.fragment, state)

    async def send(self, key: str, event: str, value: object) -> float:
        """Let a component of our own tell of an event."""
        widget = self.widgets[key]
        events = f"$$STREAMLIT_INTERNAL_KEY_{widget.id}__events"
        told = json.dumps([{"event": event, "value": value}])
        return await self._ask(widget.fragment, WidgetState(id=events, json_trigger_value=told))

    async def _ask(self, fragment: str, *states: WidgetState) -> float:
        message = BackMsg()
        rerun = message.rerun_script
        rerun.query_string, rerun.page_script_hash, rerun.fragment_id = self._query, self._script, fragment
        together = {state.id: state for state in (*self._states.values(), *states)}
        rerun.widget_states.widgets.extend(together.values())
        began = time.perf_counter()
        async with asyncio.timeout(PATIENCE):
            await self._socket.send(message.SerializeToString())
            while not self._take(ForwardMsg.FromString(await self._socket.recv())):
                pass
        return time.perf_counter() - began

    def _take(self, message: ForwardMsg) -> bool:
        """Remember what a message says; whether it was the answer's last."""
        kind = message.WhichOneof("type")
        if kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._see(message.delta.new_element, message.delta.fragment_id)
        return kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN

    def _see(self, element: Element, fragment: str) -> None:
        kind = element.WhichOneof("type")
        proto = getattr(element, kind)
        if kind == "page_link":
            name = proto.label.strip("*")
            self.links[name] = proto
            self.page = name if name != proto.label else self.page
        elif kind == "exception":
            self.told.append(proto.message)
        elif kind == "alert" and proto.format == proto.ERROR:
            self.told.append(proto.body)
        elif (name := getattr(proto, "id", "")).count("-") >= 2:
            self._meet(name.split("-", 2)[2], Widget(name, fragment, proto), kind)

    def _meet(self, key: str, widget: Widget, kind: str) -> None:
        """A widget on the page. What an earlier one of this key held is forgotten; a component of our own holds nothing."""
        self.widgets[key] = widget
        if key in self._states and self._states[key].id != widget.id:
            del self._states[key]
        if kind == "bidi_component":
            self._states[key] = WidgetState(id=widget.id, json_value="{}")
