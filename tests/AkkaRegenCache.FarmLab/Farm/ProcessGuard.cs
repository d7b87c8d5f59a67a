using System.Diagnostics;
using System.Globalization;

namespace AkkaRegenCache.FarmLab.Farm;

/// <summary>
/// Sees to it that nothing outlives the lab, however it ends: a shell that reads the ids of the lab's processes from its standard input, and
/// kills them when that ends. A child that watches its own input can't do so while it is stopped, and redis-server never does.
/// </summary>
internal sealed class ProcessGuard : IDisposable
{
    private const string Script = """
        trap '' INT TERM HUP
        ids=" "
        while read -r what id; do
          case $what in
            +) ids="$ids$id " ;;
            -) ids="${ids%% $id *} ${ids#* $id }" ;;
          esac
        done
        for id in $ids; do kill -9 "$id" 2>/dev/null; done
        """;

    private readonly Lock _gate = new();
    private readonly Process _shell;

    public ProcessGuard()
    {
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(Script);
        _shell = Process.Start(start)!;
    }

    public void Add(int processId) => Tell('+', processId);

    /// <summary>It has ended: its id may soon be somebody else's.</summary>
    public void Remove(int processId) => Tell('-', processId);

    public void Dispose()
    {
        lock (_gate)
        {
            try
            {
                _shell.StandardInput.Close();
            }
            catch (IOException)
            {
                // It has ended before us.
            }
        }

        _shell.WaitForExit(TimeSpan.FromSeconds(5));
        _shell.Dispose();
    }

    private void Tell(char what, int processId)
    {
        lock (_gate)
        {
            _shell.StandardInput.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what} {processId}"));
            _shell.StandardInput.Flush();
        }
    }
}
