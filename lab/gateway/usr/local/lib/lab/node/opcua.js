// An OPC UA server, node-opcua as it comes: node opcua.js PORT
"use strict";
const { OPCUAServer } = require("node-opcua-server");

const server = new OPCUAServer({ port: Number(process.argv[2]) });
server.initialize().then(() => server.start());
