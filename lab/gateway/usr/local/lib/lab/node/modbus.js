// A Modbus TCP device whose holding register n holds 1000 + n: node modbus.js PORT
"use strict";
const { ServerTCP } = require("modbus-serial");

new ServerTCP({ getHoldingRegister: (address) => 1000 + address },
              { host: "::", port: Number(process.argv[2]), unitID: 1 });
