// Pages with rows to select, and with deletions that are reviewed first.
import "./select.js";
import "./review.js";
