// The columns of the market table that other parts know by their ids.

/** The column by which rows are grouped; it is never shown. */
export const ASSET = "asset";
/** The column that is always shown, and always first. */
export const NAME = "symbol";
/** The column that says whose price a row shows. */
export const LEAD = "lead";
