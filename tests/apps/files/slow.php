<?php
while (ob_get_level()) ob_end_flush(); // flush() does not reach through PHP's own buffers
echo "begin\n";
flush();
// A signal interrupts sleep().
$end = microtime(true) + ($_SERVER['QUERY_STRING'] === 'slow' ? 5 : 0);
while (microtime(true) < $end) usleep(20000);
echo "end\n";
