import streamlit as st
from ui import frame
frame.begin("Train")
