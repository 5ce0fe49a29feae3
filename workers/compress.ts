/** The compressor's thread: one closed file a call. */

export { gzipFile as default } from '../src/io/gzip-file.ts';
