// The cleanup of a component that keeps something as `host[name]`: it ends once its host has left the page. Streamlit runs a
// call's cleanup late where data come in quick succession, after a later call has begun or just before; that ends nothing.
export const endedWithHost = (host, name, end) => () => {
  if (host.isConnected || !host[name]) return;
  end(host[name]);
  delete host[name];
};
