WITH span AS (SELECT DISTINCT case_id, profile, back, max(back) OVER (PARTITION BY case_id, profile) AS back_first FROM active),
staged AS (
    SELECT case_id, profile, back, CASE
               WHEN back = back_first THEN 'new'
               WHEN EXISTS (FROM span b WHERE b.case_id = s.case_id AND b.profile = s.profile AND b.back = s.back + 1) THEN 'current'
               ELSE 'resurrected'
           END AS stage
    FROM span s
    UNION ALL
    SELECT case_id, profile, back - 1, 'dormant' FROM span s
    WHERE back > 0 AND NOT EXISTS (FROM span b WHERE b.case_id = s.case_id AND b.profile = s.profile AND b.back = s.back - 1)
)
SELECT case_id, back, count(*) FILTER (stage = 'new'), count(*) FILTER (stage = 'current'),
       count(*) FILTER (stage = 'resurrected'), count(*) FILTER (stage = 'dormant')
FROM staged JOIN life USING (case_id) WHERE back < n_spans GROUP BY ALL
