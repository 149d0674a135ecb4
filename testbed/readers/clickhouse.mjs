// Runs the SQL given as an argument in ClickHouse, in this process, and prints each row as a JSON object.
import { query } from "chdb";

process.stdout.write(query(process.argv[2], "JSONEachRow"));
