-- An import adds the words of many chunks at once, which takes a fifth of the time if
-- they are put into their places together. The program sees to it that they don't wait
-- long, since every search looks through those that do.
alter index chunk_tsv set (fastupdate = on);
