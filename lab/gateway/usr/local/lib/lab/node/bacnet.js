// A BACnet/IP device with one analog value, on BACnet sockets of npm's protocol stack:
//
//     node bacnet.js INSTANCE ADDRESS:PORT...
//
// Answers Who-Is to the asker alone (a gateway has no one broadcast address), reads and writes the
// value, and tells subscribers of its changes from the port that they subscribed at.
"use strict";
const { default: Bacnet, ConfirmedServiceChoice, ApplicationTag, ErrorClass, ErrorCode, ObjectType,
        PropertyIdentifier, Segmentation } = require("@bacnet-js/client");

const [instance, ...places] = process.argv.slice(2);
const device = { type: ObjectType.DEVICE, instance: Number(instance) };
const object = { type: ObjectType.ANALOG_VALUE, instance: 1 };
const properties = new Map([
  [`${device.type}.${PropertyIdentifier.OBJECT_NAME}`,
   { type: ApplicationTag.CHARACTER_STRING, value: `device ${instance}` }],
  [`${object.type}.${PropertyIdentifier.PRESENT_VALUE}`, { type: ApplicationTag.REAL, value: 20 }],
]);
const valueKey = `${object.type}.${PropertyIdentifier.PRESENT_VALUE}`;
const subscriptions = new Map();  // who subscribed, to a function that sends a notice

function serve(place) {
  const [address, port] = place.split(":");
  const socket = new Bacnet({ interface: address, port: Number(port) });

  socket.on("whoIs", ({ header }) =>
    socket.iAmResponse(header.sender, device.instance, Segmentation.NO_SEGMENTATION, 0));

  socket.on("readProperty", ({ header, invokeId, payload }) => {
    const value = properties.get(`${payload.objectId.type}.${payload.property.id}`);
    if (value) {
      socket.readPropertyResponse(header.sender, invokeId, payload.objectId, payload.property, value);
    } else {
      socket.errorResponse(header.sender, ConfirmedServiceChoice.READ_PROPERTY, invokeId,
                           ErrorClass.PROPERTY, ErrorCode.UNKNOWN_PROPERTY);
    }
  });

  socket.on("writeProperty", ({ header, invokeId, payload }) => {
    properties.set(valueKey, { type: ApplicationTag.REAL, value: payload.value.value[0].value });
    socket.simpleAckResponse(header.sender, ConfirmedServiceChoice.WRITE_PROPERTY, invokeId);
    subscriptions.forEach((notify) => notify());
  });

  socket.on("subscribeCov", ({ header, invokeId, payload }) => {
    const who = `${place} ${header.sender.address} ${payload.subscriberProcessId}`;
    subscriptions.set(who, () => socket.unconfirmedCOVNotification(
      header.sender, payload.subscriberProcessId, device.instance, object, payload.lifetime,
      [{ property: { id: PropertyIdentifier.PRESENT_VALUE }, value: [properties.get(valueKey)] }]));
    socket.simpleAckResponse(header.sender, ConfirmedServiceChoice.SUBSCRIBE_COV, invokeId);
  });

  // A notice that the firewall stops fails here, and is not the end of the server.
  socket.on("error", (error) => console.error(error.message));
}

places.forEach(serve);
