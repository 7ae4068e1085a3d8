// Views are functions that return elements. Whatever comes from outside becomes text, never markup.

import { h, render } from "preact";
import htm from "htm";
import "@preact/signals";

export { render };
export { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { batch, computed, effect, signal } from "@preact/signals-core";

export const html = htm.bind(h);
