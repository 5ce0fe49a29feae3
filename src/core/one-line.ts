/** Words of others (a venue's, the system's) as part of one line for people. */

/** Without line ends and what else a terminal obeys. */
export const oneLine = (text: string): string => text.replace(/\p{Cc}+/gu, ' ');
