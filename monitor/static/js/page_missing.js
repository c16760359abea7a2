// A page for an address that leads nowhere: only what every page has.

import "./shell.js";
