--  SPDX-License-Identifier: GPL-2.0
--  usage: stream_read [FILE] - the default ring to stdout
with Ada.Command_Line;  use Ada.Command_Line;
with Ada.Text_IO;
with GNAT.OS_Lib;       use GNAT.OS_Lib;
with System;

procedure Stream_Read is
   Name   : constant String :=
     (if Argument_Count > 0 then Argument (1) else "/dev/ringbuf");
   Buffer : String (1 .. 65_536);
   Ring   : File_Descriptor;
   N      : Integer;

   procedure Fail (What : String) is
   begin
      Ada.Text_IO.Put_Line
        (Ada.Text_IO.Standard_Error, What & ": " & Errno_Message);
      OS_Exit (1);
   end Fail;

   EINTR : constant := 4;

   --  Read as many bytes as are available, 0 at the end
   function Read_Some (From : File_Descriptor; To : System.Address)
     return Integer is
      Count : Integer;
   begin
      loop
         Count := Read (From, To, Buffer'Length);
         exit when Count >= 0 or else Errno /= EINTR;
      end loop;
      return Count;
   end Read_Some;

   procedure Write_All (To : File_Descriptor; Count : Integer) is
      Done : Integer := 0;
      Put  : Integer;
   begin
      while Done < Count loop
         Put := Write (To, Buffer (Done + 1)'Address, Count - Done);
         if Put > 0 then
            Done := Done + Put;
         elsif Errno /= EINTR then
            Fail ("stdout");
         end if;
      end loop;
   end Write_All;

begin
   Ring := Open_Read (Name, Binary);
   if Ring = Invalid_FD then
      Fail (Name);
   end if;
   loop
      N := Read_Some (Ring, Buffer'Address);
      if N < 0 then
         Fail (Name);
      end if;
      exit when N = 0;
      Write_All (Standout, N);
   end loop;
   Close (Ring);
end Stream_Read;
