// A token or key without what copying adds (docs/token-format.md §10): white space and invisible characters anywhere, quotes
// around it. Nothing else is removed.
const IGNORED = /[\p{White_Space}\p{Default_Ignorable_Code_Point}]/gu;
const QUOTES = /^["'`´«»‹›‘-‟〝-〟＂＇]+|["'`´«»‹›‘-‟〝-〟＂＇]+$/gu;

export function pasted(text) {
  return text.replace(IGNORED, '').replace(QUOTES, '');
}
