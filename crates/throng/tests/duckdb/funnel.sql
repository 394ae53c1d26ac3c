SELECT case_id, step, count(DISTINCT profile) FILTER (n_reached > step), count(*) FILTER (n_reached > step)
FROM attempt JOIN funnel USING (case_id), LATERAL (SELECT unnest(range(n_steps)) AS step)
GROUP BY ALL
