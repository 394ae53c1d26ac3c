SELECT case_id, col, what, count(*), count(DISTINCT profile) FROM track GROUP BY ALL
