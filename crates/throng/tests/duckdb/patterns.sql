WITH text AS (
    SELECT case_id, profile, '^' || string_agg(label[1], '' ORDER BY k) || '$' AS trail FROM touch GROUP BY case_id, profile, journey
)
SELECT case_id, pattern.nr, count(*) FILTER (regexp_matches(trail, regexp)), count(DISTINCT profile) FILTER (regexp_matches(trail, regexp)), count(*)
FROM text JOIN pattern USING (case_id) GROUP BY ALL
