using System.Globalization;
using System.Text;

namespace AkkaRegenCache.Hosting;

/// <summary>The names of a cache's actors, region and topic. Different caches have different names.</summary>
internal static class ClusterNames
{
    public static string Region(string cacheName) => "regencache-" + Safe(cacheName);

    public static string Topic(string cacheName) => "regencache-" + Safe(cacheName);

    public static string Agent(string cacheName) => "regencache-" + Safe(cacheName);

    // A colon is allowed in an actor's name, and <see cref="Safe"/> never returns one.
    public static string Store(string cacheName) => Agent(cacheName) + ":store";

    public static string Partitions(string cacheName) => Agent(cacheName) + ":parts";

    public static string Keeper(string cacheName) => Agent(cacheName) + ":keeper";

    public static string Watch(string cacheName) => Agent(cacheName) + ":watch";

    /// <summary>
    /// Makes a name safe for a path, and keeps different names different: other characters than letters, digits, '-' and '_' become ~ and
    /// their code.
    /// </summary>
    public static string Safe(string name)
    {
        var safe = new StringBuilder(name.Length);
        foreach (var unit in name)
        {
            if (char.IsAsciiLetterOrDigit(unit) || unit is '-' or '_')
                safe.Append(unit);
            else
                safe.Append('~').Append(((int)unit).ToString("x4", CultureInfo.InvariantCulture));
        }

        return safe.ToString();
    }
}
