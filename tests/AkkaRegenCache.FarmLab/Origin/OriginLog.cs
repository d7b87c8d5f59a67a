using System.Globalization;
using System.Text;

namespace AkkaRegenCache.FarmLab.Origin;

/// <summary>
/// The origin's append-only log, one line for each generation begun and each one ended: <c>begin KEY NUMBER NODE TOKEN TIME</c>,
/// <c>end … ok</c> or <c>end … cancelled</c>, <c>mark …</c> for a number that a set got. Written by the origin, read by the controller while it
/// grows. This is what counts generator runs: no node can forget one.
/// </summary>
internal static class OriginLog
{
    public static string Line(string what, string key, long number, string node, long token, long time, string? outcome = null) =>
        string.Create(CultureInfo.InvariantCulture, $"{what} {key} {number} {node} {token} {time}{(outcome is null ? "" : " " + outcome)}");

    /// <summary>Writes whole lines, each flushed to the operating system before the next step: a kill loses nothing.</summary>
    internal sealed class Writer(string path) : IDisposable
    {
        private readonly Lock _gate = new();
        private readonly FileStream _file = new(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);

        public void Write(string line)
        {
            var bytes = Encoding.UTF8.GetBytes(line + "\n");
            lock (_gate)
            {
                _file.Write(bytes);
                _file.Flush();
            }
        }

        public void Dispose() => _file.Dispose();
    }

    /// <summary>Reads what is new in the log at each call. Thread-safe.</summary>
    internal sealed class Reader(string path)
    {
        private readonly Lock _gate = new();
        private readonly Dictionary<(string Key, long Number), OriginRun> _runs = [];
        private long _position;
        private string _rest = "";

        /// <summary>All runs written down until now, in no order.</summary>
        public IReadOnlyList<OriginRun> Read()
        {
            lock (_gate)
            {
                ReadOn();
                return [.. _runs.Values];
            }
        }

        private void ReadOn()
        {
            if (!File.Exists(path))
                return;
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            file.Seek(_position, SeekOrigin.Begin);
            using var memory = new MemoryStream();
            file.CopyTo(memory);
            _position += memory.Length;
            var text = _rest + Encoding.UTF8.GetString(memory.GetBuffer(), 0, (int)memory.Length);
            var whole = text.LastIndexOf('\n') + 1;
            _rest = text[whole..];
            foreach (var line in text[..whole].Split('\n', StringSplitOptions.RemoveEmptyEntries))
                Take(_runs, line);
        }
    }

    /// <summary>Puts lines together to runs.</summary>
    public static IReadOnlyList<OriginRun> Parse(IEnumerable<string> lines)
    {
        var runs = new Dictionary<(string, long), OriginRun>();
        foreach (var line in lines)
            Take(runs, line);
        return [.. runs.Values];
    }

    private static void Take(Dictionary<(string Key, long Number), OriginRun> runs, string line)
    {
        var part = line.Split(' ');
        if (part.Length < 6)
            throw new FormatException($"Not a line of the origin's log: '{line}'.");
        var number = long.Parse(part[2], CultureInfo.InvariantCulture);
        var token = long.Parse(part[4], CultureInfo.InvariantCulture);
        var time = long.Parse(part[5], CultureInfo.InvariantCulture);
        var id = (part[1], number);
        runs[id] = part[0] switch
        {
            "begin" => new OriginRun(part[1], number, part[3], token, time, null, false, false),
            "mark" => new OriginRun(part[1], number, part[3], token, time, time, false, true),
            "end" => runs[id] with { Ended = time, IsCancelled = part[6] == "cancelled" },
            _ => throw new FormatException($"Not a line of the origin's log: '{line}'."),
        };
    }
}
