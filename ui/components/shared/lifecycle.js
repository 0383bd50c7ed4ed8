// The cleanup of a component that keeps something as `host[name]`. Streamlit keeps the latest call's cleanup alone, but may run
// an earlier one's late: only the latest ends it.
export const endedByLatest = (host, name, end) => {
  const turn = (host[name].turn = {});
  return () => {
    if (host[name]?.turn !== turn) return;
    end(host[name]);
    delete host[name];
  };
};
