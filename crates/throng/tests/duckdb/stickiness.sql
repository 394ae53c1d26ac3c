WITH counted AS (
    SELECT case_id, profile, count(DISTINCT day) AS n_days
    FROM active JOIN life USING (case_id) WHERE DATE '1970-01-01' + last_day - day < window_days GROUP BY ALL
)
SELECT case_id, n_days, count(*) FROM counted GROUP BY ALL
