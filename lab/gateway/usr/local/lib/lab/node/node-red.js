// Node-RED's settings. Bound to every interface on purpose: only the firewall keeps it inside.
module.exports = {
  uiHost: "::",
  uiPort: 1880,
  logging: { console: { level: "warn" } },
};
