using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace AkkaRegenCache.FarmLab.Watching;

/// <summary>
/// A connection to Redis of a few lines: the controller watches by other means than the client library that the nodes use. One user at
/// a time.
/// </summary>
internal sealed class MiniRedis : IDisposable
{
    private readonly TcpClient _client;
    private readonly Stream _stream;

    private MiniRedis(TcpClient client)
    {
        _client = client;
        _stream = new BufferedStream(client.GetStream(), 64 * 1024);
    }

    public static async Task<MiniRedis> ConnectAsync(string host, int port, CancellationToken cancellationToken)
    {
        var client = new TcpClient { NoDelay = true };
        try
        {
            await client.ConnectAsync(host, port, cancellationToken);
            return new MiniRedis(client);
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Sends a command and reads its answer: a string, an integer as a string, null, or the last of an array. An error is thrown.</summary>
    public async Task<byte[]?> CallAsync(CancellationToken cancellationToken, params string[] command)
    {
        await SendAsync(cancellationToken, command);
        return await ReadAsync(cancellationToken);
    }

    public async Task<string?> CallTextAsync(CancellationToken cancellationToken, params string[] command) =>
        await CallAsync(cancellationToken, command) is { } answer ? Encoding.UTF8.GetString(answer) : null;

    public async Task SendAsync(CancellationToken cancellationToken, params string[] command)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"*{command.Length}\r\n");
        foreach (var part in command)
            text.Append(CultureInfo.InvariantCulture, $"${Encoding.UTF8.GetByteCount(part)}\r\n{part}\r\n");
        await _stream.WriteAsync(Encoding.UTF8.GetBytes(text.ToString()), cancellationToken);
        await _stream.FlushAsync(cancellationToken);
    }

    public async Task<byte[]?> ReadAsync(CancellationToken cancellationToken)
    {
        var line = await ReadLineAsync(cancellationToken);
        switch (line[0])
        {
            case '+' or ':':
                return Encoding.UTF8.GetBytes(line[1..]);
            case '-':
                throw new IOException("Redis answered: " + line[1..]);
            case '$':
                var length = int.Parse(line.AsSpan(1), CultureInfo.InvariantCulture);
                if (length < 0)
                    return null;
                var bytes = new byte[length + 2];
                await _stream.ReadExactlyAsync(bytes, cancellationToken);
                return bytes[..length];
            case '*':
                // Of an array the last element: all that is asked for here.
                byte[]? last = null;
                for (var left = int.Parse(line.AsSpan(1), CultureInfo.InvariantCulture); left > 0; left--)
                    last = await ReadAsync(cancellationToken);
                return last;
            default:
                throw new IOException($"Not expected from Redis: '{line}'.");
        }
    }

    /// <summary>A line, without its end. Throws where the connection ends.</summary>
    public async ValueTask<string> ReadLineAsync(CancellationToken cancellationToken)
    {
        var line = new StringBuilder();
        var one = new byte[1];
        while (true)
        {
            // The stream is buffered: most of these reads complete at once.
            if (await _stream.ReadAsync(one, cancellationToken) == 0)
                throw new EndOfStreamException();
            if (one[0] == '\n')
            {
                if (line.Length > 0 && line[^1] == '\r')
                    line.Length--;
                return line.ToString();
            }

            line.Append((char)one[0]);
        }
    }

    public void Dispose()
    {
        _stream.Dispose();
        _client.Dispose();
    }
}
