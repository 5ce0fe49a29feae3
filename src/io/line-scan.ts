/** Lines of a text that arrives in blocks, in bounded memory: what has no line end for too long is no line. */

const NEWLINE = 10;

/** The largest snapshot of a venue (5,000 levels a side) is a tenth of it. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;

export interface LineScanPort {
  /** A whole line without its end; `number` counts from 1. */
  line(text: string, number: number): void;
  /** A line of more bytes than any of ours: it was not kept. */
  tooLong(bytes: number, number: number): void;
}

export interface LineScan {
  /** The next bytes. They are kept until their line has ended. */
  add(block: Buffer): void;
  /** Bytes behind the last line end. */
  rest(): number;
}

export function createLineScan(port: LineScanPort, maxBytes = MAX_LINE_BYTES): LineScan {
  let held: Buffer[] = [];
  let heldBytes = 0;
  /** Counted on and not kept: the line is too long. */
  let isSkipping = false;
  let number = 0;

  const hold = (bytes: Buffer): void => {
    heldBytes += bytes.length;
    if (!isSkipping && heldBytes > maxBytes) {
      isSkipping = true;
      held = [];
    }
    if (!isSkipping && bytes.length > 0) held.push(bytes);
  };

  /** The line that `held` begins ends with these bytes. */
  const endHeld = (bytes: Buffer): void => {
    hold(bytes);
    number += 1;
    if (isSkipping) port.tooLong(heldBytes, number);
    else port.line(Buffer.concat(held).toString('utf8'), number);
    held = [];
    heldBytes = 0;
    isSkipping = false;
  };

  return {
    add(block) {
      let start = 0;
      let end = block.indexOf(NEWLINE);
      if (end >= 0 && heldBytes > 0) {
        endHeld(block.subarray(0, end));
        start = end + 1;
        end = block.indexOf(NEWLINE, start);
      }
      for (; end >= 0; end = block.indexOf(NEWLINE, start)) {
        number += 1;
        if (end - start > maxBytes) port.tooLong(end - start, number);
        else port.line(block.toString('utf8', start, end), number);
        start = end + 1;
      }
      if (start < block.length) hold(block.subarray(start));
    },
    rest: () => heldBytes,
  };
}
