// Loaded before a program that has no option for it: whatever it listens on is for this machine alone.
import { Server } from "node:net";

const listen = Server.prototype.listen;
Server.prototype.listen = function (...args) {
  if (typeof args[0] === "number") {
    const done = args.findLast((a) => typeof a === "function");
    return listen.call(this, { port: args[0], host: "127.0.0.1" }, done);
  }
  return listen.apply(this, args);
};
