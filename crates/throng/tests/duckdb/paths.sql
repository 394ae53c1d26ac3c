WITH taken AS (
    SELECT case_id, profile, journey, max(at_us) - min(at_us) AS duration_us FROM kept GROUP BY ALL
), trail AS (
    SELECT t.case_id, t.profile, t.journey,
           list(t.label ORDER BY t.k) FILTER (t.k <= o.steps_max) AS labels,
           max(t.k) > o.steps_max AS continues,
           bool_or(goal.label IS NOT NULL) AS converted
    FROM touch t JOIN path_option o USING (case_id) LEFT JOIN goal ON goal.case_id = t.case_id AND goal.label = t.label
    GROUP BY t.case_id, t.profile, t.journey, o.steps_max
), counted AS (
    SELECT case_id, labels, continues, count(*) AS n_sessions, count(DISTINCT profile) AS n_profiles,
           count(*) FILTER (converted) AS n_converted, median(duration_us) / 1e6 AS median_seconds
    FROM trail JOIN taken USING (case_id, profile, journey) GROUP BY ALL
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY case_id ORDER BY n_sessions DESC, n_profiles DESC, labels, continues) AS rank,
           n_sessions / sum(n_sessions) OVER (PARTITION BY case_id) AS share
    FROM counted
)
SELECT case_id, rank, labels, continues, n_sessions, n_profiles, n_converted, share::DOUBLE, median_seconds
FROM ranked JOIN path_option USING (case_id) WHERE rank <= top
UNION ALL
SELECT case_id, 0, NULL, NULL, sum(n_sessions)::BIGINT, count(*), sum(n_converted)::BIGINT, sum(share)::DOUBLE, NULL
FROM ranked JOIN path_option USING (case_id) WHERE rank > top GROUP BY case_id
