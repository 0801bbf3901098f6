// Pages with rows to choose from, and with deletions that are reviewed first.
import "./select.js";
import "./review.js";
