using System.Globalization;

namespace AkkaRegenCache.FarmLab.Watching;

/// <summary>A line of Redis' MONITOR: when, from where, and the command with its arguments.</summary>
/// <param name="Micros">The store's clock in microseconds.</param>
/// <param name="IsFromScript">Whether a script gave the command.</param>
/// <param name="Arguments">The command first; each character is a byte.</param>
internal sealed record MonitorLine(long Micros, bool IsFromScript, IReadOnlyList<string> Arguments)
{
    /// <summary>Reads one, as <c>+1700000000.123456 [0 lua] "SET" "name" "a\x01b"</c>; null: it isn't one.</summary>
    public static MonitorLine? Parse(string line)
    {
        var space = line.IndexOf(' ', StringComparison.Ordinal);
        var end = line.IndexOf(']', StringComparison.Ordinal);
        if (line.Length == 0 || line[0] != '+' || space < 0 || end < 0
            || !decimal.TryParse(line.AsSpan(1, space - 1), NumberStyles.Number, CultureInfo.InvariantCulture, out var seconds))
        {
            return null;
        }

        var arguments = new List<string>();
        for (var i = end + 1; i < line.Length; i++)
        {
            if (line[i] == '"')
                arguments.Add(Unquote(line, ref i));
        }

        return new MonitorLine(
            (long)(seconds * 1_000_000), line.AsSpan(0, end).EndsWith(" lua", StringComparison.Ordinal), arguments);
    }

    /// <summary>From an opening quote on; leaves the position at the closing one.</summary>
    private static string Unquote(string line, ref int i)
    {
        var text = new System.Text.StringBuilder();
        for (i++; i < line.Length && line[i] != '"'; i++)
        {
            if (line[i] != '\\')
            {
                text.Append(line[i]);
                continue;
            }

            i++;
            switch (line[i])
            {
                case 'x':
                    text.Append((char)byte.Parse(line.AsSpan(i + 1, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                    i += 2;
                    break;
                case 'n':
                    text.Append('\n');
                    break;
                case 'r':
                    text.Append('\r');
                    break;
                case 't':
                    text.Append('\t');
                    break;
                case 'a':
                    text.Append('\a');
                    break;
                case 'b':
                    text.Append('\b');
                    break;
                default:
                    text.Append(line[i]);
                    break;
            }
        }

        return text.ToString();
    }
}
