"""What the law gives drivers when they come to the office (Ley 81 of 2019), and what the office
needs when data was reached by somebody who should not have (`RUNBOOK.md`, "A breach")."""
