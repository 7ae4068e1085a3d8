// Archives without their media: the files of a zip that may hold the chat, still packed, in a zip
// of their own. Which of them is the chat, the server decides by what stands in them.

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const END64_BYTES = 56;
const LOCATOR64_BYTES = 20;
const COMMENT_BYTES_MAX = 0xffff;
const UNSAID = 0xffffffff; // The number stands in a field for large archives instead.
const ZIP64_FIELD = 1;
const SIZES_FOLLOW = 0x8;
const DIRECTORY_BYTES_MAX = 64 << 20;
const ENTRIES_MAX = 20_000;

const TEXTS = [".txt", ".text", ".log"];
const TRANSCRIPTS = [...TEXTS, ".json", ".jsonl", ".csv", ".xml", ".md"];
const OFFICE_ENTRY = "[Content_Types].xml";
const PART = /^message_\d{1,4}\.json$/;

/** The names by which the server knows a chat, in its order (`app/chats/archive.py`). */
const RANKS = [
  (base) => base === "_chat.txt",
  (base) => base.includes("whatsapp") && isText(base),
];

/** `file` with nothing in it but what may be the chat, or only that which is named `chat`; null if
 * it is no zip that can be read so, or would not be smaller. */
export async function withoutMedia(file, chat) {
  try {
    const kept = transcripts(await directory(file), chat);
    const light = new File(await packed(file, kept), file.name);
    return kept.length && light.size < file.size ? light : null;
  } catch (error) {
    if (error instanceof RangeError) return null; // A view that ends before what it should hold.
    throw error;
  }
}

/** The entries of the chat that is named, or of the only one; where there are several, those of
 * all that may be one. */
function transcripts(entries, chat) {
  if (entries.some((entry) => entry.name === OFFICE_ENTRY)) return [];
  const possible = entries.filter(({ name }) => {
    const base = baseOf(name);
    return !name.endsWith("/") && !name.startsWith("__MACOSX/") && !base.startsWith(".")
      && (isText(base) || TRANSCRIPTS.some((end) => base.endsWith(end)));
  });
  const named = possible.filter(({ name }) => chatOf(name) === chat);
  if (named.length) return named;
  for (const fits of RANKS) {
    const found = possible.filter(({ name }) => fits(baseOf(name)));
    const chats = new Set(found.map(({ name }) => chatOf(name)));
    if (chats.size === 1) return found;
    if (chats.size) break;
  }
  // Beside its chats, "Download your information" holds all that a person did.
  const isDownload = possible.some(({ name }) => isPart(name));
  return isDownload
    ? possible.filter(({ name }) => isPart(name) || isText(baseOf(name)))
    : possible;
}

const lastOf = (name) => name.slice(name.lastIndexOf("/") + 1);
const baseOf = (name) => lastOf(name).toLowerCase();
const isText = (base) => !base.includes(".") || TEXTS.some((end) => base.endsWith(end));

/** Parts of a long chat stand in a folder of their own. */
const isPart = (name) => PART.test(lastOf(name));
const chatOf = (name) => (isPart(name) ? name.slice(0, Math.max(0, name.lastIndexOf("/"))) : name);

/** The entries of a zip; their names with one character for each byte, whatever they mean. */
async function directory(file) {
  const { offset, bytes } = await ending(file);
  if (bytes > DIRECTORY_BYTES_MAX) throw new RangeError("the directory is too long");
  const view = await viewOf(file, offset, bytes);
  const entries = [];
  for (let at = 0; at < bytes;) {
    expect(view, at, CENTRAL);
    if (entries.length === ENTRIES_MAX) throw new RangeError("too many entries");
    const nameBytes = view.getUint16(at + 28, true);
    const extraBytes = view.getUint16(at + 30, true);
    const name = new Uint8Array(view.buffer, view.byteOffset + at + CENTRAL_BYTES, nameBytes);
    const extra = { at: at + CENTRAL_BYTES + nameBytes, bytes: extraBytes };
    entries.push({
      name: Array.from(name, (byte) => String.fromCharCode(byte)).join(""),
      nameBytes: name,
      flags: view.getUint16(at + 8, true),
      method: view.getUint16(at + 10, true),
      checksum: view.getUint32(at + 16, true),
      ...sizes(view, at, extra),
    });
    at += CENTRAL_BYTES + nameBytes + extraBytes + view.getUint16(at + 32, true);
  }
  return entries;
}

/** Sizes and place of an entry; those that need more than 32 bits stand in a field of their own. */
function sizes(view, at, extra) {
  const found = {
    unpackedBytes: view.getUint32(at + 24, true),
    packedBytes: view.getUint32(at + 20, true),
    offset: view.getUint32(at + 42, true),
  };
  let field = extra.at;
  while (field + 4 <= extra.at + extra.bytes && view.getUint16(field, true) !== ZIP64_FIELD) {
    field += 4 + view.getUint16(field + 2, true);
  }
  field += 4;
  for (const [name, value] of Object.entries(found)) {
    if (value !== UNSAID) continue;
    if (field + 8 > extra.at + extra.bytes) throw new RangeError("a size is missing");
    found[name] = Number(view.getBigUint64(field, true));
    field += 8;
  }
  return found;
}

/** Where the directory of a zip stands. */
async function ending(file) {
  const start = Math.max(0, file.size - END_BYTES - COMMENT_BYTES_MAX - LOCATOR64_BYTES);
  const view = await viewOf(file, start, file.size - start);
  let at = view.byteLength - END_BYTES;
  while (view.getUint32(at, true) !== END) at -= 1;
  const found = { bytes: view.getUint32(at + 12, true), offset: view.getUint32(at + 16, true) };
  const locator = at - LOCATOR64_BYTES;
  if (locator < 0 || view.getUint32(locator, true) !== LOCATOR64) return found;
  const large = await viewOf(file, Number(view.getBigUint64(locator + 8, true)), END64_BYTES);
  expect(large, 0, END64);
  return {
    bytes: Number(large.getBigUint64(40, true)),
    offset: Number(large.getBigUint64(48, true)),
  };
}

/** The parts of a new zip with these entries of `file`, packed as they are. */
async function packed(file, entries) {
  const parts = [];
  const listed = [];
  let offset = 0;
  for (const entry of entries) {
    const head = await viewOf(file, entry.offset, LOCAL_BYTES);
    expect(head, 0, LOCAL);
    const start = entry.offset + LOCAL_BYTES + head.getUint16(26, true) + head.getUint16(28, true);
    if (start + entry.packedBytes > file.size) throw new RangeError("an entry is cut off");
    const content = file.slice(start, start + entry.packedBytes);
    parts.push(header(entry, LOCAL), entry.nameBytes, content);
    listed.push(header(entry, CENTRAL, offset), entry.nameBytes);
    offset += LOCAL_BYTES + entry.nameBytes.length + entry.packedBytes;
  }
  const bytes = listed.reduce((sum, part) => sum + part.byteLength, 0);
  const end = new DataView(new ArrayBuffer(END_BYTES));
  end.setUint32(0, END, true);
  end.setUint16(8, entries.length, true);
  end.setUint16(10, entries.length, true);
  end.setUint32(12, bytes, true);
  end.setUint32(16, offset, true);
  return [...parts, ...listed, end];
}

/** What stands before an entry's name, in front of its content or, with `offset`, in the directory. */
function header(entry, magic, offset) {
  const isListed = magic === CENTRAL;
  const view = new DataView(new ArrayBuffer(isListed ? CENTRAL_BYTES : LOCAL_BYTES));
  view.setUint32(0, magic, true);
  const at = isListed ? 6 : 4;
  view.setUint16(at, 20, true);
  view.setUint16(at + 2, entry.flags & ~SIZES_FOLLOW, true);
  view.setUint16(at + 4, entry.method, true);
  view.setUint16(at + 8, 0x21, true); // The first day that a zip can name.
  view.setUint32(at + 10, entry.checksum, true);
  view.setUint32(at + 14, entry.packedBytes, true);
  view.setUint32(at + 18, entry.unpackedBytes, true);
  view.setUint16(at + 22, entry.nameBytes.length, true);
  if (isListed) view.setUint32(42, offset, true);
  return view;
}

function expect(view, at, magic) {
  if (view.getUint32(at, true) !== magic) throw new RangeError("this is no zip");
}

const viewOf = async (file, start, bytes) =>
  new DataView(await file.slice(start, start + bytes).arrayBuffer());
