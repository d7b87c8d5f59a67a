using System.Net;
using System.Net.Sockets;

namespace AkkaRegenCache.FarmLab.Farm;

/// <summary>
/// Ports that stay a node's over its restarts. They are below those from which systems take their own: or, while the node is down, a connection of anybody
/// might be given its port.
/// </summary>
internal static class FreePorts
{
    private const int Least = 10_240;
    private const int Most = 32_000;

    public static int[] Take(int count)
    {
        var ports = new HashSet<int>();
        while (ports.Count < count)
        {
            if (Random.Shared.Next(Least, Most) is var port && IsFree(port))
                ports.Add(port);
        }

        return [.. ports];
    }

    private static bool IsFree(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
